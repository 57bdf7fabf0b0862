"""Repairs of what crashes leave behind: lost messages, lost workers, and orphans."""
