"""The vocabulary: frozen records that go in and come out, and nothing that acts."""
