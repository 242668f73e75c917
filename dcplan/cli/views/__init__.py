"""Views: values to text.  Pure functions; the commands print."""
