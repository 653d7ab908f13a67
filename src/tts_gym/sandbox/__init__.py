"""Controllers written by machines: what a candidate may say (``candidate``), and where it runs (``jail``)."""
