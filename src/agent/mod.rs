//! Wires everything together: lifecycle, reconnects, shutdown.
