"""Code that every page and API call uses: context, guards, security, forms, and errors."""
