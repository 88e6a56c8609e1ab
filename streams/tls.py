"""TLS to the servers: a context that verifies whom it talks to, made of the files that settings name."""

import ssl
from pathlib import Path
from typing import Literal

from streams.errors import ConfigError
from streams.settings import PREFIX


def tls_context(
    server: Literal["KAFKA", "REDIS"], ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """Verifies certificate and name of the server, against `ca_file` alone where there is one (else the system's
    authorities), and shows the certificate in `cert_file` where there is one; TLS 1.2 or later. All files are PEM.

    Raises:
        ConfigError: a file cannot be read, or holds no certificate or key that fits. `server` names the settings.
    """
    start = f"{PREFIX}{server}_"
    if key_file is not None and cert_file is None:
        raise ConfigError(f"{start}KEY_FILE={key_file}: a key needs {start}CERT_FILE as well")
    for name, path in (("CA_FILE", ca_file), ("CERT_FILE", cert_file), ("KEY_FILE", key_file)):
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{start}{name}={path}: {error.strerror}; name a readable file") from None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{start}CA_FILE={ca_file}: no certificate in PEM ({error.reason or error}); name the authority's "
            "certificate"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file is not None:
        try:
            # An empty passphrase, or OpenSSL would ask for one at the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                f"{start}CERT_FILE={cert_file}, {start}KEY_FILE={key_file}: not a certificate and its key in PEM, "
                f"without a passphrase ({getattr(error, 'reason', None) or error})"
            ) from None
    return context
