"""All modules of models: SQLModel.metadata knows their tables once they are loaded."""

from __future__ import annotations

import storage.models
import storage.models_bans
import storage.models_bounces
import storage.models_cleaned
import storage.models_community
import storage.models_forms
import storage.models_letters
import storage.models_mailbox
import storage.models_mutes
import storage.models_peers
import storage.models_people
import storage.models_pictures
import storage.models_private
import storage.models_questions
import storage.models_reactions
import storage.models_relay
import storage.models_remote
import storage.models_repeats
import storage.models_shunts
import storage.models_spaces
import storage.models_threads
import storage.models_travel
import storage.models_umbrella  # noqa: F401
