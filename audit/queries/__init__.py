"""The questions that can be asked of a workspace, and the documents that answer them."""
