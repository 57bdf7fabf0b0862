VERSION = "0"  # the build writes the real one
