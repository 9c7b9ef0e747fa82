"""Where models are: HTTP servers of vendors, and this machine."""
