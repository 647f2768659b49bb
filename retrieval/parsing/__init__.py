"""Files to blocks of text: headings, paragraphs, table rows. Runs in a process of its own and knows neither Django nor
the database; `sandbox.Parser` is the way in."""
