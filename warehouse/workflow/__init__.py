"""Review of the packages on three levels: states, accounts, guards, calendar, corrections. Policy item 28."""
