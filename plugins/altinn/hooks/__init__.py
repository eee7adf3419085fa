"""The hook that holds the login to Altinn."""
