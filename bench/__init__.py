"""`make bench`: measure the speed that the README promises."""
