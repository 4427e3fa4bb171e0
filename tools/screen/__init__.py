"""What is shown, whatever it is of: tables that fit a width, numbers in their units, colours, where output goes."""
