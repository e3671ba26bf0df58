"""What is wrong goes back to its owner: the register of faults, return workbooks and the replies to them."""
