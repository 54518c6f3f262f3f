"""Files in, canonical events out: `import_paths` brings files and folders into a workspace."""

from audit.ingest.report import ImportReport
from audit.ingest.run import import_paths

__all__ = ["ImportReport", "import_paths"]
