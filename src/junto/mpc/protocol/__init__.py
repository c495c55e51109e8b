"""The cryptography: masked evaluation between two compute parties and a helper."""
