"""The worker without its ensemble, which is the peers' job: ticks to features, with every guarantee, and Redis.

faust -A tests.benchmarks.peers.features_only worker
"""

import app as door
from agents.application import HayateApp


def without_the_ensemble(app: HayateApp) -> HayateApp:
    """The application with one agent; what the others would read is not subscribed to."""
    for name in [name for name in app.agents if name != "features"]:
        del app.agents[name]
    return app


# The door itself, with all that it does to the process.
app = without_the_ensemble(door.app)
