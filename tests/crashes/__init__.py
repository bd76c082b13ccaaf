"""The crash matrix: the process dies at every point between two steps of every flow, and what starts after it puts all right."""
