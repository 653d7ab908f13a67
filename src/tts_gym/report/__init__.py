"""Reports: runs as one file that opens in a browser, with no server and no network."""
