"""

@article{Chen2021,
  title = {Deep learning-based mixed-dimensional {Gaussian} mixture model for characterizing variability in cryo-{EM}},
  author = {Chen, Muyuan and Ludtke, Steven J.},
  journal = {Nature Methods},
  volume = {18},
  pages = {930--936},
  year = {2021},
  doi = {10.1038/s41592-021-01220-5}
}

@article{Chen2023,
  title = {Integrating Molecular Models Into {CryoEM} Heterogeneity Analysis Using Scalable High-resolution Deep {Gaussian} Mixture Models},
  author = {Chen, Muyuan and Toader, Bogdan and Lederman, Roy},
  journal = {Journal of Molecular Biology},
  volume = {435},
  number = {9},
  pages = {168014},
  year = {2023},
  doi = {10.1016/j.jmb.2023.168014}
}

@article{Punjani2021,
  title = {{3D} variability analysis: Resolving continuous flexibility and discrete heterogeneity from single particle cryo-{EM}},
  author = {Punjani, Ali and Fleet, David J.},
  journal = {Journal of Structural Biology},
  volume = {213},
  number = {2},
  pages = {107702},
  year = {2021},
  doi = {10.1016/j.jsb.2021.107702}
}

@article{Gilles2025,
  title = {Cryo-{EM} heterogeneity analysis using regularized covariance estimation and kernel regression},
  author = {Gilles, Marc Aurele and Singer, Amit},
  journal = {Proceedings of the National Academy of Sciences},
  volume = {122},
  number = {9},
  pages = {e2419140122},
  year = {2025},
  doi = {10.1073/pnas.2419140122}
}

@article{Barnett2019,
  title = {A parallel nonuniform fast {Fourier} transform library based on an "exponential of semicircle" kernel},
  author = {Barnett, Alexander H. and Magland, Jeremy and {af Klinteberg}, Ludvig},
  journal = {SIAM Journal on Scientific Computing},
  volume = {41},
  number = {5},
  pages = {C479--C504},
  year = {2019},
  doi = {10.1137/18M120885X}
}

@article{Rosenthal2003,
  title = {Optimal determination of particle orientation, absolute hand, and contrast loss in single-particle electron cryomicroscopy},
  author = {Rosenthal, Peter B. and Henderson, Richard},
  journal = {Journal of Molecular Biology},
  volume = {333},
  number = {4},
  pages = {721--745},
  year = {2003},
  doi = {10.1016/j.jmb.2003.07.013}
}

"""  # noqa: E501
