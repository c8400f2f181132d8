namespace Conclave.Bench;

/// <summary>A part of a page's picture.</summary>
/// <param name="Title">What it shows.</param>
internal abstract record Panel(string Title)
{
    public const double Width = 800;

    public abstract double Height { get; }

    public abstract void Draw(Svg svg, double top);

    /// <summary>Draws all, one under the other.</summary>
    public static string Draw(IReadOnlyList<Panel> panels)
    {
        var svg = new Svg(Width, panels.Sum(p => p.Height) + 8);
        double top = 0;
        foreach (var panel in panels)
        {
            svg.Text(16, top + 26, panel.Title, size: 15, isBold: true);
            panel.Draw(svg, top + 34);
            top += panel.Height;
        }

        return svg.ToString();
    }

    /// <summary>Says which colour is what, in as many lines as it takes.</summary>
    private protected static double Legend(Svg? svg, double top, IReadOnlyList<string> names, Func<int, bool>? isHollow = null)
    {
        double x = 16;
        double y = top + 14;
        for (int i = 0; i < names.Count; i++)
        {
            double width = 26 + (names[i].Length * 6.6);
            if (x + width > Width - 16 && x > 16)
            {
                (x, y) = (16, y + 18);
            }

            if (isHollow is null)
            {
                svg?.Rectangle(x, y - 9, 11, 11, Svg.Color(i));
            }
            else
            {
                svg?.Dot(x + 5, y - 4, Svg.Color(isHollow(i) ? i - 1 : i), isHollow(i));
            }

            svg?.Text(x + 16, y, names[i], color: Svg.Pale);
            x += width;
        }

        return y + 8;
    }
}

/// <summary>Bars, side by side in groups.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Axis">What a bar's length is, with its unit.</param>
/// <param name="Groups">The groups' names.</param>
/// <param name="Series">A name, and a value for each group; NaN for none.</param>
/// <param name="IsLog">Whether an axis step is a power of ten.</param>
internal sealed record Bars(string Title, string Axis, IReadOnlyList<string> Groups, IReadOnlyList<(string Name, double[] Values)> Series, bool IsLog = false) : Panel(Title)
{
    private const double Bar = 13;
    private const double Gap = 12;

    public override double Height => 34 + Legend(null, 0, Names) + GroupsHeight + 56;

    private string[] Names => [.. Series.Select(s => s.Name)];

    private double GroupsHeight => Groups.Select((_, i) => (CountOf(i) * Bar) + Gap).Sum();

    public override void Draw(Svg svg, double top)
    {
        double left = 24 + Math.Max(60, Groups.Max(g => g.Length) * 6.8);
        double right = Width - 90;
        double y = Legend(svg, top, Names) + 6;
        double bottom = y + GroupsHeight;
        var scale = Scale.For(Series.SelectMany(s => s.Values).Where(double.IsFinite), IsLog);
        foreach (double mark in scale.Marks)
        {
            double x = left + (scale.At(mark) * (right - left));
            svg.Line(x, y, x, bottom);
            svg.Text(x, bottom + 16, Scale.Name(mark), "middle", 11, Svg.Pale);
        }

        svg.Text((left + right) / 2, bottom + 34, Axis + (IsLog ? " (each step is ten times as much)" : ""), "middle", color: Svg.Pale);
        y += Gap / 2;
        for (int group = 0; group < Groups.Count; group++)
        {
            svg.Text(left - 10, y + (CountOf(group) * Bar / 2) + 4, Groups[group], "end");
            for (int i = 0; i < Series.Count; i++)
            {
                double value = Series[i].Values[group];
                if (double.IsFinite(value))
                {
                    double length = scale.At(value) * (right - left);
                    svg.Rectangle(left, y, length, Bar - 2, Svg.Color(i));
                    svg.Text(left + length + 5, y + Bar - 3.5, Scale.Name(value), size: 10.5, color: Svg.Pale);
                    y += Bar;
                }
            }

            y += Gap;
        }
    }

    private int CountOf(int group) => Math.Max(1, Series.Count(s => double.IsFinite(s.Values[group])));
}

/// <summary>How something grows: lines over a count, both by powers of ten.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Across">What grows.</param>
/// <param name="Up">What it costs, with its unit.</param>
/// <param name="Series">A name, and points.</param>
/// <param name="HasPairs">Whether every second line stands beside the one before, in its colour and dashed.</param>
internal sealed record Lines(string Title, string Across, string Up, IReadOnlyList<(string Name, (double X, double Y)[] Points)> Series, bool HasPairs = false) : Panel(Title)
{
    private const double Plot = 260;

    public override double Height => 34 + Legend(null, 0, Names, IsSecond) + Plot + 64;

    private string[] Names => [.. Series.Select(s => s.Name)];

    public override void Draw(Svg svg, double top)
    {
        const double left = 84, right = Width - 30;
        double y = Legend(svg, top, Names, IsSecond) + 8;
        var xs = Scale.For(Series.SelectMany(s => s.Points).Select(p => p.X), isLog: true);
        var ys = Scale.For(Series.SelectMany(s => s.Points).Select(p => p.Y), isLog: true);
        double X(double value) => left + (xs.At(value) * (right - left));
        double Y(double value) => y + Plot - (ys.At(value) * Plot);
        foreach (double mark in xs.Marks)
        {
            svg.Line(X(mark), y, X(mark), y + Plot);
            svg.Text(X(mark), y + Plot + 17, Scale.Name(mark), "middle", 11, Svg.Pale);
        }

        foreach (double mark in ys.Marks)
        {
            svg.Line(left, Y(mark), right, Y(mark));
            svg.Text(left - 8, Y(mark) + 4, Scale.Name(mark), "end", 11, Svg.Pale);
        }

        svg.Text((left + right) / 2, y + Plot + 36, Across, "middle", color: Svg.Pale);
        svg.Turned(20, y + (Plot / 2), Up);
        for (int i = 0; i < Series.Count; i++)
        {
            string color = Svg.Color(IsSecond(i) ? i - 1 : i);
            var points = Series[i].Points.Where(p => p.Y > 0).Select(p => (X(p.X), Y(p.Y))).ToArray();
            svg.Path(points, color, IsSecond(i));
            Array.ForEach(points, p => svg.Dot(p.Item1, p.Item2, color, IsSecond(i)));
        }
    }

    private bool IsSecond(int index) => HasPairs && index % 2 == 1;
}
