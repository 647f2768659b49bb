"""Web pages of whitelisted sites to documents. What may be fetched is decided by pure modules (`urls`, `robots`,
`sitemaps`), the network is behind `fetching`, and `visiting` tells the story of one visit."""
