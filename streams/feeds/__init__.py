"""Where ticks come from: files and a simulated market."""
