--- The script of a report's page: the slider between a picture and what it was made from. The page
--- is whole without it.

return [[
"use strict";
(function () {
  function make(name, className, text) {
    var element = document.createElement(name);
    element.className = className || "";
    element.textContent = text || "";
    return element;
  }
  function image(card) {
    return card && card.querySelector(".shot img");
  }
  function origin(card) {
    return image(document.getElementById(card.dataset.before || "none"));
  }
  var shown, viewer = make("div", "viewer"), dialog = make("dialog");
  if (!dialog.showModal) { return; }
  var title = make("p"), previous = make("button", "", "\u2190");
  var next = make("button", "", "\u2192");
  var close = make("button", "", "Close"), pair = make("div", "pair"), slider = make("input");
  var before = make("img", "before"), after = make("img", "after");
  var head = make("header"), foot = make("footer");
  previous.setAttribute("aria-label", "the picture before");
  next.setAttribute("aria-label", "the next picture");
  slider.type = "range";
  slider.min = 0; slider.max = 100; slider.step = 0.5;
  slider.setAttribute("aria-label", "before and after");
  head.append(title, previous, next, close);
  foot.append(make("span", "", "before"), slider, make("span", "", "after"));
  pair.append(before, after);
  viewer.append(head, pair, foot);
  dialog.append(viewer);
  document.body.append(dialog);

  function cut(percent) {
    slider.value = percent;
    pair.style.setProperty("--cut", percent + "%");
  }
  function show(card) {
    var picture = image(card), parent = origin(card);
    shown = card;
    after.src = picture.src;
    after.alt = picture.alt;
    before.hidden = !parent;
    if (parent) { before.src = parent.src; before.alt = parent.alt; }
    viewer.classList.toggle("single", !parent);
    title.textContent = card.querySelector("h2").textContent;
    cut(parent ? 50 : 0);
    if (!dialog.open) { dialog.showModal(); }
    if (parent) { slider.focus(); }
  }
  var cards = Array.prototype.filter.call(document.querySelectorAll(".card"), image);
  function go(by) {
    show(cards[(cards.indexOf(shown) + by + cards.length) % cards.length]);
  }
  cards.forEach(function (card) {
    var shot = card.querySelector(".shot");
    if (origin(card)) {
      var compare = make("button", "compare", "before / after");
      compare.addEventListener("click", function () { show(card); });
      card.querySelector(".foot").append(compare);
    }
    shot.addEventListener("click", function (event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) { return; }
      event.preventDefault();
      show(card);
    });
  });
  slider.addEventListener("input", function () { cut(slider.value); });
  pair.addEventListener("pointermove", function (event) {
    var box = pair.getBoundingClientRect();
    if (!viewer.classList.contains("single") && (event.buttons || event.pointerType === "mouse")) {
      cut(Math.max(0, Math.min(100, (event.clientX - box.left) / box.width * 100)));
    }
  });
  previous.addEventListener("click", function () { go(-1); });
  next.addEventListener("click", function () { go(1); });
  close.addEventListener("click", function () { dialog.close(); });
  dialog.addEventListener("keydown", function (event) {
    if (event.target === slider) { return; }
    if (event.key === "ArrowLeft") { go(-1); }
    if (event.key === "ArrowRight") { go(1); }
  });
}());
]]
