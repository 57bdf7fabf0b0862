"""The measurements of `make bench`: the speed that the README promises."""
