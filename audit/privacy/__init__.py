"""The tool's own privacy: pseudonyms, the vault, masking, and the one way text is made harmless."""
