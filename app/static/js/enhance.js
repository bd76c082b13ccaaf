// What a browser with JavaScript gets on top: everything here works without it. Found by data-… attributes, loaded with `defer`.
(function () {
  "use strict";

  // A refused form: the list of what to mend is read first.
  var summary = document.querySelector(".govuk-error-summary");
  if (summary) {
    summary.tabIndex = -1;
    summary.focus();
  }

  // A form is sent once. The button stays enabled, so that its formaction counts; coming back by "Back" frees the form again.
  // One that answers with a file leaves the page standing, and may be sent again for another file.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || "file" in form.dataset) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    if (event.submitter) event.submitter.setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
    });
    document.querySelectorAll("form [aria-disabled]").forEach(function (button) {
      button.removeAttribute("aria-disabled");
    });
  });

  // The password may be looked at.
  document.querySelectorAll(".govuk-js-password-input-toggle").forEach(function (button) {
    var group = button.closest("[data-module=govuk-password-input]");
    var input = group.querySelector("input");
    button.hidden = false;
    button.addEventListener("click", function () {
      var show = input.type === "password";
      input.type = show ? "text" : "password";
      button.textContent = group.getAttribute(show ? "data-i18n.hide-password" : "data-i18n.show-password");
      button.setAttribute("aria-label", group.getAttribute(show ? "data-i18n.hide-password-aria-label" : "data-i18n.show-password-aria-label"));
    });
    input.form.addEventListener("submit", function () {
      input.type = "password";
    });
  });

  // How long the place is still kept; when the time is over the page is asked again, once.
  document.querySelectorAll("[data-hold-until]").forEach(function (element) {
    var until = Date.parse(element.dataset.holdUntil);
    if (until <= Date.now()) return;
    var timer = setInterval(tick, 1000);
    function tick() {
      var seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds <= 0) {
        clearInterval(timer);
        location.reload();
        return;
      }
      var time = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
      element.textContent = element.dataset.words.replace("{time}", time);
    }
    tick();
  });

  // Something is pending: ask for its state, ever less often, and show the page afresh when it has changed.
  document.querySelectorAll("[data-status-url]").forEach(function (element) {
    var first = null;
    var wait = 2000;
    function again() {
      setTimeout(ask, wait);
      wait = Math.min(wait * 1.3, 30000);
    }
    function ask() {
      if (document.hidden) return again();
      fetch(element.dataset.statusUrl, { headers: { Accept: "application/json" }, cache: "no-store" })
        .then(function (response) {
          return response.ok ? response.text() : null;
        })
        .then(function (text) {
          if (text !== null && first !== null && text !== first) {
            if (element.dataset.statusThen) location.assign(element.dataset.statusThen);
            else location.reload();
            return;
          }
          if (text !== null) first = text;
          again();
        })
        .catch(again);
    }
    ask();
  });
})();
