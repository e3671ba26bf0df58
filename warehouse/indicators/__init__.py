"""What is done with indicators beyond the models: explaining a figure, freezing a scorecard, recording decisions."""
