"""The canonical event: its columns and kinds, messages out of rows, times, and the words that mark a sensitive topic or a death."""
