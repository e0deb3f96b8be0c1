"""The public face of the suite: forwards, streams and fans out; knows no media."""
