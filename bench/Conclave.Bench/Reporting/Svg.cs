using System.Globalization;
using System.Net;
using System.Text;

namespace Conclave.Bench;

/// <summary>Writes a drawing. Its colours are those that people tell apart who see few, on white, so that it looks the same on every page.</summary>
internal sealed class Svg(double width, double height)
{
    public const string Ink = "#1f2328";
    public const string Pale = "#59636e";
    private const string Rule = "#d1d9e0";
    private const string Fonts = "ui-sans-serif, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

    private static readonly string[] Palette = ["#0969da", "#d97706", "#6b7280", "#059669", "#a21caf", "#b91c1c", "#0e7490"];

    private readonly StringBuilder _text = new();

    public static string Color(int index) => Palette[index % Palette.Length];

    public void Rectangle(double x, double y, double w, double h, string color) =>
        Add($"<rect x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{Math.Max(w, 1):0.#}\" height=\"{h:0.#}\" rx=\"2\" fill=\"{color}\"/>");

    public void Line(double x1, double y1, double x2, double y2, string color = Rule, double thickness = 1) =>
        Add($"<line x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\" stroke=\"{color}\" stroke-width=\"{thickness}\"/>");

    public void Path(IEnumerable<(double X, double Y)> points, string color, bool isDashed)
    {
        string list = string.Join(' ', points.Select(p => Report.Of($"{p.X:0.#},{p.Y:0.#}")));
        string dash = isDashed ? " stroke-dasharray=\"5 4\"" : "";
        Add($"<polyline points=\"{list}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dash}/>");
    }

    public void Dot(double x, double y, string color, bool isHollow) =>
        Add($"<circle cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"3.5\" fill=\"{(isHollow ? "#ffffff" : color)}\" stroke=\"{color}\" stroke-width=\"1.5\"/>");

    /// <param name="anchor"><c>start</c>, <c>middle</c> or <c>end</c>.</param>
    public void Text(double x, double y, string text, string anchor = "start", double size = 12, string color = Ink, bool isBold = false) => Add(
        $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{color}\"{(isBold ? " font-weight=\"600\"" : "")}>{WebUtility.HtmlEncode(text)}</text>");

    public void Turned(double x, double y, string text) => Add(
        $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"middle\" font-size=\"12\" fill=\"{Pale}\" transform=\"rotate(-90 {x:0.#} {y:0.#})\">{WebUtility.HtmlEncode(text)}</text>");

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:0} {height:0}\" width=\"{width:0}\" height=\"{height:0}\" font-family=\"{Fonts}\" role=\"img\">\n" +
        $"<rect width=\"{width:0}\" height=\"{height:0}\" fill=\"#ffffff\"/>\n{_text}</svg>\n");

    private void Add(FormattableString element) => _text.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
