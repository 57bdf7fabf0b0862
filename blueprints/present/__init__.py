"""Row → JSON, one short function per noun; the API and the pages share them."""
