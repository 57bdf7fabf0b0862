"""Row → JSON of contract.md, one short function per noun; the API and the pages share them."""
