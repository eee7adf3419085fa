"""A person's login with ID-porten: in the browser, and where it is kept afterwards."""
