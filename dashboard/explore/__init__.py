"""What the Features page is handed: the atlas, one latent's page, its life, notes; as bytes on guarded routes."""
