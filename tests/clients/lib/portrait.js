// For pictures of calls alone: in place of the browser's test pattern the camera shows somebody who is drawn. What is
// sent and received stays real.
(() => {
  const LOOKS = {
    Ada: { wall: ['#cfd8d3', '#8fa39a'], hair: '#3b2a20', skin: '#e2b08c', clothes: '#b4532a', long: true },
    Elena: { wall: ['#dcd3c4', '#a8987f'], hair: '#7d7872', skin: '#ecc6a8', clothes: '#27406b', long: false },
  };
  const look = LOOKS[window.__portrait] ?? LOOKS.Ada;
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const real = devices.getUserMedia.bind(devices);

  function draw(context, at) {
    const { width, height } = context.canvas;
    const wall = context.createLinearGradient(0, 0, width, height);
    wall.addColorStop(0, look.wall[0]);
    wall.addColorStop(1, look.wall[1]);
    context.fillStyle = wall;
    context.fillRect(0, 0, width, height);
    // A window, and a shelf with books.
    context.fillStyle = 'rgba(255,255,255,.55)';
    context.fillRect(width * 0.08, height * 0.1, width * 0.2, height * 0.38);
    ['#7a5c3e', '#4f6b5a', '#8c3f3a', '#3f5a7a', '#c29a4a'].forEach((colour, i) => {
      context.fillStyle = colour;
      context.fillRect(width * (0.76 + i * 0.034), height * (0.2 + (i % 2) * 0.03), width * 0.028, height * (0.2 - (i % 2) * 0.03));
    });
    context.fillStyle = '#6b543b';
    context.fillRect(width * 0.74, height * 0.4, width * 0.22, height * 0.015);

    const [x, y, size] = [width / 2 + Math.sin(at / 900) * 4, height * 0.42 + Math.sin(at / 1300) * 3, height * 0.17];
    const blob = (colour, cx, cy, rx, ry) => {
      context.fillStyle = colour;
      context.beginPath();
      context.ellipse(cx, cy, rx, ry, 0, 0, Math.PI * 2);
      context.fill();
    };
    if (look.long) blob(look.hair, x, y + size * 0.45, size * 1.12, size * 1.5);
    blob(look.clothes, x, height * 1.08, size * 2.3, size * 2.35);
    blob(look.skin, x, y + size * 1.25, size * 0.42, size * 0.6);
    blob(look.hair, x, y - size * 0.22, size * 1.03, size * 1.12);
    blob(look.skin, x, y + size * 0.12, size * 0.82, size * 1.02);
    blob(look.hair, x, y - size * 0.78, size * 0.86, size * 0.42);
    for (const side of [-1, 1]) blob('#2b2522', x + side * size * 0.31, y + size * 0.08, size * 0.075, size * 0.1);
    context.strokeStyle = '#8c4a3c';
    context.lineWidth = size * 0.07;
    context.lineCap = 'round';
    context.beginPath();
    context.arc(x, y + size * 0.4, size * 0.3, Math.PI * 0.2, Math.PI * 0.8);
    context.stroke();
  }

  devices.getUserMedia = async (wanted) => {
    const stream = await real(wanted);
    const [camera] = stream.getVideoTracks();
    if (!camera) return stream;
    const canvas = Object.assign(document.createElement('canvas'), { width: 960, height: 720 });
    const context = canvas.getContext('2d');
    const timer = setInterval(() => draw(context, performance.now()), 66);
    draw(context, 0);
    const [drawn] = canvas.captureStream(15).getVideoTracks();
    drawn.getSettings = () => ({ ...camera.getSettings(), width: 960, height: 720 });
    const stop = drawn.stop.bind(drawn);
    drawn.stop = () => {
      clearInterval(timer);
      camera.stop();
      stop();
    };
    return new MediaStream([drawn, ...stream.getAudioTracks()]);
  };
})();
