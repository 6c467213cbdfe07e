//! The live state of the printer, rebuilt from Moonraker's subscriptions.
