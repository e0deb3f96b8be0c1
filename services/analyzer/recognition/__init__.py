"""What is said in a source that brings no text, as a model of speech recognition hears it where one is given."""
