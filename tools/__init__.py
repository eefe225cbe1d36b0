"""Small programs that keep generated pages equal to what they are generated from."""
