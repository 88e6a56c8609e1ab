import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.kafka_url import bootstrap_servers


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://127.0.0.1:9092", ["127.0.0.1:9092"]),
        ("kafka://a:1;b:2", ["a:1", "b:2"]),
        ("kafka://a:1;kafka://b:2", ["a:1", "b:2"]),
        ("kafka://a,b:2", ["a:9092", "b:2"]),
        ("aiokafka://a", ["a:9092"]),
        ("a:1; b", ["a:1", "b:9092"]),
        ("kafka://a/", ["a:9092"]),
        ("kafka://[::1]:9093;[fe80::1]", ["[::1]:9093", "[fe80::1]:9092"]),
    ],
)
def test_brokers_of_a_url(url: str, servers: list[str]) -> None:
    assert bootstrap_servers(url) == servers


@pytest.mark.parametrize(
    "url",
    [
        "",
        ";",
        "kafka://",
        "redis://a:1",
        "kafka://a:b",
        "kafka://a:0",
        "kafka://a:70000",
        "kafka://a/b",
        "kafka://a?b",
        "kafka://[::1",
    ],
)
def test_what_is_no_kafka_url_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(ConfigError, match="kafka://"):
        bootstrap_servers(url)


def test_credentials_are_refused_and_not_echoed() -> None:
    with pytest.raises(ConfigError, match="credentials") as caught:
        bootstrap_servers("kafka://user:s3cret@a:1")
    assert "s3cret" not in str(caught.value)
    assert "user" not in str(caught.value)


@given(st.lists(st.tuples(st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True), st.integers(1, 65535)), min_size=1))
def test_any_list_of_hosts_comes_back_in_order(brokers: list[tuple[str, int]]) -> None:
    servers = [f"{host}:{port}" for host, port in brokers]
    assert bootstrap_servers("kafka://" + ";".join(servers)) == servers
