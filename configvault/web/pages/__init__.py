"""One module a page: each makes HTML from what the source says, and decides nothing."""
