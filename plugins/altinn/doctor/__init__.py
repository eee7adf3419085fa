"""The doctor: walks everything between this machine and a filing, and names the link that is broken."""
