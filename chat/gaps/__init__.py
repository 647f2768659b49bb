"""Questions that the documents do not answer become subjects, subjects become documents, and are closed by them."""
