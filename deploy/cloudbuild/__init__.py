"""Cloud Build files on this machine: checked as Cloud Build checks them, and carried out step by step."""
