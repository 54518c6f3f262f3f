"""Files on disk: private folders, SQLite, Parquet event files, the manifest, TOML that people write."""
