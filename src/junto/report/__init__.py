"""A run as one page for a person: what ran, what crossed, who waited, and the script's own figures."""
