"""Sources that are fetched over HTTP: which hosts may be asked, which addresses may be reached, and the transfer."""
