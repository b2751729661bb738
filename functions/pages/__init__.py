"""The web pages: server-rendered, no asset from elsewhere, no script."""

from functions.pages.index import prefers_html, show_index, show_openapi

__all__ = ["prefers_html", "show_index", "show_openapi"]
