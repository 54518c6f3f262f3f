"""Amazon's "Request My Data" export, in its three generations; `datasets.toml` says what each file becomes."""
