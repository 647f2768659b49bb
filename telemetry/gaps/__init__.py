"""Subjects that the documents do not answer. Knows no vectors: what belongs together is `chat.gaps`' to say."""
