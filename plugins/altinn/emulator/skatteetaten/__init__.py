"""What Skatteetaten's VAT app and the authority behind it do; the app's folder holds its configuration."""
