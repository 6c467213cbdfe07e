export function CamerasView() { return <p>cameras</p>; }
