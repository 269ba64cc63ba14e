"""What happens between two pictures: batches, the objective and its gradients, one step, and what it shows."""
