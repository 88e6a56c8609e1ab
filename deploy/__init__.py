"""How it runs: local services, the demo, images and manifests."""
